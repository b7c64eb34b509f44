"""The version of the package, read by setup.cfg and stored with every trained component."""

__version__ = "0.1.0"
