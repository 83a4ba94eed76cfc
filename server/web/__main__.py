"""``python -m server.web LINK LISTENER``: started by the server, never by hand."""

import asyncio
import sys

from server.web.process import main

if __name__ == "__main__":
    link, listener = (int(number) for number in sys.argv[1:3])
    asyncio.run(main(link, listener))
