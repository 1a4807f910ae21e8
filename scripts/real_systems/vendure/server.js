// Vendure as a B2B portal on this machine: its configuration, and nothing of its own.
//
// The settings come from the environment, so that one installation serves any number of portals:
//   VENDURE_PORT      loopback port of the GraphQL interfaces
//   VENDURE_DATABASE  SQLite file, made when it is not there
//   VENDURE_PASSWORD  password of the first administrator
"use strict";

const { bootstrap, DefaultLogger, dummyPaymentHandler, LogLevel } = require("@vendure/core");

function setting(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set`);
  }
  return value;
}

const config = {
  apiOptions: { hostname: "127.0.0.1", port: Number(setting("VENDURE_PORT")), cors: false },
  authOptions: {
    tokenMethod: ["bearer", "api-key"],
    superadminCredentials: { identifier: "superadmin", password: setting("VENDURE_PASSWORD") },
    cookieOptions: { secret: setting("VENDURE_PASSWORD") },
  },
  dbConnectionOptions: {
    type: "better-sqlite3",
    database: setting("VENDURE_DATABASE"),
    synchronize: true,
  },
  // The ERP's number of an order, as the ERP tells it to the portal when it takes the order in.
  customFields: { Order: [{ name: "erpOrderNo", type: "string", nullable: true }] },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  logger: new DefaultLogger({ level: LogLevel.Warn }),
};

bootstrap(config).catch((error) => {
  console.error(error);
  process.exit(1);
});
