"""One incident per equipment and cause: the unit of notification and work."""
