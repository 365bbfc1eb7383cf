"""A console of Firefox itself, by the protocol of its developer tools."""

import json
import socket


class Console:
    """Runs scripts where they may do all that the browser may."""

    def __init__(self, port):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            self.stream = connection.makefile("rwb")  # holds it open
        self.receive(lambda message: message["from"] == "root")  # it greets
        process = self.ask("root", "getProcess", id=0)["processDescriptor"]["actor"]
        self.actor = self.ask(process, "getTarget")["process"]["consoleActor"]

    def close(self):
        self.stream.close()

    def run(self, script):
        """Run a script; fail if it does."""
        self.ask(self.actor, "evaluateJSAsync", text=script)
        answer = self.receive(lambda message: message.get("type") == "evaluationResult")
        if answer["hasException"]:
            raise RuntimeError(answer["exceptionMessage"])

    def ask(self, actor, request, **rest):
        """Send a request and return the answer. What has a type is an event."""
        message = json.dumps({"to": actor, "type": request, **rest}).encode()
        self.stream.write(b"%d:%s" % (len(message), message))
        self.stream.flush()
        return self.receive(lambda answer: answer["from"] == actor and "type" not in answer)

    def receive(self, wanted):
        """Return the next message that is wanted; each has its length before it."""
        while True:
            length = b""
            while not length.endswith(b":"):
                length += self.stream.read(1)
            message = json.loads(self.stream.read(int(length[:-1])))
            if "error" in message:
                raise RuntimeError(message)
            if wanted(message):
                return message
