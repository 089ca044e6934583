// Watch a mailbox through Pillarbox's API: create, wait, read the history, and tidy up again.

import { setTimeout as pause } from "node:timers/promises";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

const baseUrl = process.env.PILLARBOX_URL ?? "http://127.0.0.1:8000";
const email = process.env.PILLARBOX_EMAIL ?? "admin@example.com";
const mailHost = process.env.MAILBOX_HOSTNAME ?? "mail.example.com";
const PATIENCE_MS = 60_000; // until the first check has to be there

/** The answer, where it is not a failure. */
async function accepted<T>(call: Promise<{ data?: T; error?: Schemas["Error"] }>): Promise<T> {
  const { data, error } = await call;
  if (error) throw new Error(`${error.statusCode} ${error.statusMessage}: ${error.message}`);
  return data as T;
}

function clientWith(token: string): Client<paths> {
  return createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
}

function mailbox(customerId: string, hostname: string): Schemas["MonitorCreate"] {
  const ca = process.env.MAILBOX_CA;
  return {
    customerId,
    name: "TypeScript example",
    hostname,
    port: Number(process.env.MAILBOX_PORT ?? "993"),
    imapPopConfig: {
      protocol: "imap",
      user: process.env.MAILBOX_USER ?? "monitor@example.com",
      password: process.env.MAILBOX_PASSWORD ?? "password",
      tls: true,
      tlsOptions: { rejectUnauthorized: true, ...(ca && { ca }) },
    },
  };
}

/** A mistake, made on purpose: every failure has the same body. */
async function showRefusal(client: Client<paths>, customerId: string): Promise<void> {
  const body = mailbox(customerId, "https://mail.example.com");
  const { error } = await client.POST("/api/imap-pop-monitors", { body });
  if (!error) throw new Error("a host name with a protocol was taken");
  console.log(`refused: ${error.statusCode} ${error.statusMessage}`);
  for (const [field, faults] of Object.entries(error.errors ?? {})) {
    console.log(`  ${field}: ${faults.join(", ")}`);
  }
}

async function waitForCheck(client: Client<paths>, publicId: string): Promise<Schemas["MonitorWithCustomer"]> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const monitor = await accepted(
      client.GET("/api/imap-pop-monitors/{publicId}", { params: { path: { publicId } } }),
    );
    if (monitor.lastCheckedAt !== null) return monitor;
    await pause(500);
  }
  throw new Error(`not checked within ${PATIENCE_MS} ms`);
}

async function report(client: Client<paths>, monitor: Schemas["MonitorWithCustomer"]): Promise<void> {
  const params = { path: { publicId: monitor.publicId } };
  console.log(`${monitor.customer.name}: ${monitor.hostname} is ${monitor.health}`);
  const history = await accepted(client.GET("/api/imap-pop-monitors/{publicId}/check-history", { params }));
  for (const result of history.data) {
    const age = Math.round((Date.now() - Date.parse(result.checkedAt)) / 1000);
    const text = result.errorMessage ?? result.warningMessage ?? "works";
    console.log(`  ${age} s ago: ${result.status} in ${result.timingImapPop} ms: ${text}`);
    for (const [rung, milliseconds] of Object.entries(result.diagnostics.timings ?? {})) {
      console.log(`    ${rung}: ${milliseconds} ms`);
    }
  }
  const details = await accepted(client.GET("/api/imap-pop-monitors/{publicId}/details", { params }));
  console.log(`  checks today: ${details.uptimeStatsMeta.day.checks}, uptime: ${details.uptimeStats.day}`);
}

async function watch(client: Client<paths>, customerId: string): Promise<void> {
  await showRefusal(client, customerId);
  const { publicId } = await accepted(
    client.POST("/api/imap-pop-monitors", { body: mailbox(customerId, mailHost) }),
  );
  try {
    await report(client, await waitForCheck(client, publicId));
  } finally {
    await accepted(client.DELETE("/api/imap-pop-monitors/{publicId}", { params: { path: { publicId } } }));
  }
}

const password = process.env.PILLARBOX_PASSWORD ?? "";
const login = createClient<paths>({ baseUrl }).POST("/api/auth/login", { body: { email, password } });
const admin = clientWith((await accepted(login)).accessToken);
// Programs work with an API token: it lives for days, not for minutes as a login does.
const token = await accepted(
  admin.POST("/api/organization/tokens", { body: { name: "TypeScript example", expiresInDays: 1 } }),
);
const client = clientWith(token.token);
const customer = await accepted(client.POST("/api/customers", { body: { name: "TypeScript example" } }));
try {
  await watch(client, customer.publicId);
} finally {
  const path = { publicId: customer.publicId };
  await accepted(client.DELETE("/api/customers/{publicId}", { params: { path } }));
}
const path = { publicId: token.publicId };
await accepted(admin.DELETE("/api/organization/tokens/{publicId}", { params: { path } }));
