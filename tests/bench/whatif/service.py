"""A JSON service under load: a client thread asks over a socket, one after another."""
import json
import socket
import sys
import threading

ROUNDS = int(sys.argv[1])


class Session:
    def __init__(self, user):
        self.user = user
        self.history = []
        self.handlers = {"get": self.get, "put": self.put}      # a cycle

    def get(self, body):
        return [h for h in self.history if h["id"] % 7 == body["id"] % 7][-20:]

    def put(self, body):
        self.history.append(body)
        del self.history[:-50]
        return {"stored": len(self.history)}


sessions = {}


def answer(line):
    request = json.loads(line)
    user = request["user"]
    if user not in sessions:
        if len(sessions) > 200:
            del sessions[next(iter(sessions))]
        sessions[user] = Session(user)
    result = sessions[user].handlers[request["do"]](request["body"])
    return json.dumps({"ok": True, "result": result, "user": {"name": user}})


def client(end):
    stream = end.makefile("rw")
    for i in range(ROUNDS):
        body = {"id": i, "rows": [{"k": k, "v": [k, str(k), {"x": k}]} for k in range(12)]}
        stream.write(json.dumps({"user": f"u{(i * 7919) % 523}", "do": "put" if i % 3 else "get",
                                 "body": body}) + "\n")
        stream.flush()
        assert json.loads(stream.readline())["ok"]
    end.shutdown(socket.SHUT_WR)


ours, theirs = socket.socketpair()
load = threading.Thread(target=client, args=(theirs,))
load.start()
stream = ours.makefile("rw")
for line in stream:
    stream.write(answer(line) + "\n")
    stream.flush()
load.join()
