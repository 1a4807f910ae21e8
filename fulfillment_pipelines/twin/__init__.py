"""The simulated distributor: a true world, nine systems that see it late and partly, and labelled faults.

What belongs here: the world, its systems as they look from outside, the faults and their labels, the score. The
truth is written from the domain book and never from the product's SQL; the product reaches the twin only through
its adapters, over real connections. Nothing here may be imported by the product except by its command line.
"""
