"""For those who write adapters: the conformance kit and the writers of sample files."""
