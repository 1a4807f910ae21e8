"""The plain values of the field: frozen, typed, with no input or output and no import of a library.

What belongs here can be written on paper by someone who has never seen the code: a snapshot, a
verdict, a finding, a case, a correction, a receipt, a business calendar. Tables, SQL and transports
do not.
"""
