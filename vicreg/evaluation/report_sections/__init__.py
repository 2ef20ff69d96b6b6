"""The sections of the report, one file each: from representations to figures with their protocol, and tables to draw."""
