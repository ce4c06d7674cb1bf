"""Reading and judging records: JSON, JSON Lines and CSV, by JSON Schema and quality rules.

What a file's text is, and what is said of it:

- A JSON document is an array of records, a list at the rule's pointer, or one record, which may be any JSON value.
  JSON Lines is a record a line; blank lines are none. CSV has a header row; blank lines are no records.
- Nothing in it: a file of no bytes, or of white space and a BOM alone, is the error `empty-file`. An empty array, or
  a CSV file with its header only, is good, has 0 records and the note `no records`.
- A BOM is accepted and noted. Any other encoding than UTF-8 is an error, UTF-16 and UTF-32 by their names.
- Errors of one record, the rest being judged: NaN and Infinity, an integer outside of 64 bits (from -2^63 to 2^64-1), a
  number too large for a double, invalid UTF-8, a lone surrogate, more levels than `limits.nesting`, more bytes than
  `limits.record_bytes` (of the value; of the line; of the CSV row with its line end), a key twice in an object
  (`duplicate_keys`), wrong JSON whose end can still be told by brackets and quotes, a ragged row, a wrong quote.
  Such a record is counted, and not judged by the schema.
- Errors of the file (record number 0, no record counted): text that breaks off, a comma missing between records,
  something behind the end, a header with an empty name or the same name twice, no list at the pointer.
- A CSV cell that is empty is an absent property; `-?[0-9]+(.[0-9]+)?` in a property that the schema types as a number
  (and not as text too) is that number; all else is text, spaces included. After a wrong quote the next line is a row.

A verdict depends on bytes and rule alone (and on the day, where a rule asks for dates in the future).
"""
