"""Files in, measurements out: the readers of HALOS and the model they fill."""
