"""The report: one HTML page that opens from disk, with a gallery of pictures and the heat maps of their windows."""
