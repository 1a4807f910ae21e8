// An issuer of OAuth2 tokens on this machine: oauth2-mock-server, and who may have a token of it.
//
// Tokens, their signatures, the keys and the forms of the answers are the package's own. By itself it gives a token to
// whoever asks; its hooks make it know its clients, and take each refresh token once.
//   OAUTH2_PORT     loopback port
//   OAUTH2_CLIENTS  JSON: client to its secret, how many seconds its tokens are good, and whether they are told
"use strict";

const { randomUUID, timingSafeEqual } = require("node:crypto");
const { OAuth2Server, Events } = require("oauth2-mock-server");

const clients = new Map(Object.entries(JSON.parse(process.env.OAUTH2_CLIENTS)));
const refreshTokens = new Set();

function credentialsOf(request) {
  const [scheme, written] = (request.headers.authorization ?? "").split(" ");
  if (scheme !== "Basic") {
    return [request.body.client_id, request.body.client_secret];
  }
  const [name, ...secret] = Buffer.from(written, "base64").toString().split(":");
  return [name, secret.join(":")];
}

function isSame(shown, known) {
  const [left, right] = [Buffer.from(shown ?? ""), Buffer.from(known)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function clientOf(request) {
  const [name, secret] = credentialsOf(request);
  const client = clients.get(name);
  return client && isSame(secret, client.secret) ? client : undefined;
}

function refuse(answer, statusCode, error) {
  answer.statusCode = statusCode;
  answer.body = { error };
}

async function main() {
  const server = new OAuth2Server();
  await server.issuer.keys.generate("RS256");

  server.service.on(Events.BeforeTokenSigning, (token, request) => {
    token.payload.jti = randomUUID();
    token.payload.exp = token.payload.iat + (clientOf(request)?.lifetime_seconds ?? 0);
  });
  server.service.on(Events.BeforeResponse, (answer, request) => {
    const client = clientOf(request);
    if (!client) {
      return refuse(answer, 401, "invalid_client");
    }
    if (request.body.grant_type === "refresh_token" && !refreshTokens.delete(request.body.refresh_token)) {
      return refuse(answer, 400, "invalid_grant");
    }
    if (client.lifetime_is_told) {
      answer.body.expires_in = client.lifetime_seconds;
    }
    if (answer.body.refresh_token) {
      refreshTokens.add(answer.body.refresh_token);
    }
  });
  await server.start(Number(process.env.OAUTH2_PORT), "127.0.0.1");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
