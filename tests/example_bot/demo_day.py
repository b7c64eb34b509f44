"""The day on which the tests' demo shop was filled."""

from datetime import datetime

TODAY = datetime(2026, 3, 11, 12, 0)
