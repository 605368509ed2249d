# SPDX-License-Identifier: MIT
"""Calls berth as cheaply as may be: lean_client.py SOCKET CONNECTIONS SECONDS

Each connection has one call of daemon.info at a time; answers are read to their newline and not
looked at. Prints how many calls were answered.
"""
import select
import socket
import sys
import time

REQUEST = b'{"jsonrpc":"2.0","id":1,"method":"daemon.info","params":{}}\n'

path, connections, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
sockets = {}
poll = select.epoll()
for _ in range(connections):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    sockets[connection.fileno()] = connection
    poll.register(connection, select.EPOLLIN)

count = 0
end = time.monotonic() + seconds
for connection in sockets.values():
    connection.send(REQUEST)
while time.monotonic() < end:
    for fd, _ in poll.poll():
        answer = sockets[fd].recv(65536)
        if not answer:
            sys.exit("the daemon closed the connection")
        if answer.endswith(b"\n"):
            count += 1
            sockets[fd].send(REQUEST)
print(count)
