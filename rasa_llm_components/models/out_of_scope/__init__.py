"""What tells a message that belongs to no intent from one that does; only vectors and labels are known here."""
