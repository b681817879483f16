"""Mass spectra of whole molecules: from peaks to charges to masses."""
