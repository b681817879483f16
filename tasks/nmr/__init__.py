"""NMR spectroscopy: from decays to spectra, peaks, relaxation and shifts."""
