"""What was asked, what runs, what is done, what waits or is in quarantine or refused, and why."""
