"""Goes wrong three times: a reference is taken by C code and never given back."""
import ctypes


class Record:
    def __init__(self, number):
        self.number = number


records = [Record(n) for n in range(1000)]
for n, times in ((17, 1), (400, 2), (999, 3)):
    for _ in range(times):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(records[n]))
