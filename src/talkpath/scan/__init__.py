"""An archive of recordings as two tables: a row a recording, a row an event. docs/scan.md"""
