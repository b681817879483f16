"""MRI and MR spectroscopy: from volumes and decays to maps and peaks."""
