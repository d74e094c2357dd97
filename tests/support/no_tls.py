"""What httpx takes for `verify` where nothing is encrypted.

Else it reads all certificate authorities for each client, and for each request without one: thirty milliseconds of CPU.
"""

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
