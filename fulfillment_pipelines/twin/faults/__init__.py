"""What is broken on purpose in the twin, and the labels that say so."""
