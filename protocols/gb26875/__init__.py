"""GB/T 26875.3-2011: from user information transmission devices to the monitoring centre."""
