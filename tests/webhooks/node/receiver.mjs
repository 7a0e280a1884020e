// A trial receiver: verifies with the official library, misses as many messages as it is told, and tells what it took.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const [secret, missed] = [process.argv[2], Number(process.argv[3])];
const webhook = new Webhook(secret);
let seen = 0;

const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    let verified = null;
    try {
      verified = webhook.verify(Buffer.concat(parts).toString("utf8"), request.headers);
    } catch (error) {
      console.log(JSON.stringify({ refused: error.message }));
      response.writeHead(400).end();
      return;
    }
    seen += 1;
    const taken = seen > missed;
    console.log(JSON.stringify({ id: request.headers["webhook-id"], type: verified.type, order_key: verified.order_key, taken }));
    response.writeHead(taken ? 204 : 503).end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
