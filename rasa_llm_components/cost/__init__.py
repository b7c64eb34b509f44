"""What a trained bot costs on this machine: time, memory, energy, money."""
