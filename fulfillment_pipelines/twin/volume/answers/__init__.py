"""What each system of a standing distributor says of a piece, under the field names of its declaration."""
