"""WireMock 3.13 as a system that answers late, wrongly or not at all: a process of its own, told over HTTP."""
