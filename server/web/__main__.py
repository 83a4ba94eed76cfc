"""``python -m server.web SOCKET``: a fork server, started by the server and never by hand."""

import os
import socket
import sys

from server.web.fork_server import end_with, serve

if __name__ == "__main__":
    end_with(os.getppid())
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        serve(requests)
