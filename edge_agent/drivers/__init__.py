"""The only importers of pymodbus and pyserial."""
