"""Systems that exchange files: folders, formats, drops."""
