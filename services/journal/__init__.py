"""What is logged for counting and training: streams in Redis, and their rows in Parquet.

A kind of entry is one `Kind` (kind.py): its name, its columns, and two functions. The events
service reads the streams of every kind in the list of its pipeline and appends their rows to
Parquet files; it knows a kind through that object alone. Who logs writes one stream entry with one
field, FIELD, whose value `Kind.decode` reads:

    XADD <stream(kind, p)> MAXLEN ~ <limit> * FIELD <payload>,  p = partition(pseudonym)

Raw user ids are in no entry: only pseudonyms are (pseudonym.py).
"""
