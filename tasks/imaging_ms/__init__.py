"""Images of mass spectrometry: where on a sample which mass is found."""
