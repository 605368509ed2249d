// SPDX-License-Identifier: MIT
import { run } from "../command.ts";

/** Files of a certificate that signs itself, and of its key. */
export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Makes a certificate for 127.0.0.1 below `dir`. */
export async function makeCertificate(dir: string): Promise<TestCertificate> {
  const [certificate, key] = [`${dir}/certificate.pem`, `${dir}/key.pem`];
  await run([
    ...["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"],
    ...["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
    ...["-keyout", key, "-out", certificate],
  ]);
  return { certificate, key };
}

/** The names of a token server in its registry's config. */
const SERVICE = "test-service", ISSUER = "test-issuer";

/**
 * The server of tokens of a registry (distribution's spec/auth/token). Repositories below `public/` are
 * everybody's to pull; all others, and all pushes, are for `user` with the password.
 */
export class TokenServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #certificate: string;
  readonly #chain: string;
  readonly #key: CryptoKey;
  readonly #password: string;
  /** For whom tokens were made: users, or "" for nobody in particular. */
  readonly given: string[] = [];

  private constructor(certificate: string, chain: string, key: CryptoKey, password: string) {
    this.#certificate = certificate;
    this.#chain = chain;
    this.#key = key;
    this.#password = password;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  /** Starts one that signs with the key. */
  static async start(
    { certificate, key }: TestCertificate,
    password: string,
  ): Promise<TokenServer> {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    const imported = await crypto.subtle.importKey(
      "pkcs8",
      Uint8Array.fromBase64(pemBody(key)),
      algorithm,
      false,
      ["sign"],
    );
    return new TokenServer(certificate, pemBody(certificate), imported, password);
  }

  /** The registry's `auth` section, as YAML. */
  get auth(): string {
    const realm = `http://127.0.0.1:${this.#server.addr.port}/token`;
    return `auth: {token: {realm: "${realm}", service: ${SERVICE}, issuer: ${ISSUER}, ` +
      `rootcertbundle: "${this.#certificate}"}}\n`;
  }

  async #answer(request: Request): Promise<Response> {
    const basic = request.headers.get("authorization")?.replace(/^Basic /, "");
    const known = basic === btoa(`user:${this.#password}`);
    if (basic !== undefined && !known) {
      const errors = [{ code: "UNAUTHORIZED", message: "wrong password" }];
      return Response.json({ errors }, { status: 401 });
    }
    const scopes = new URL(request.url).searchParams.getAll("scope").flatMap((s) => s.split(" "));
    const access = scopes.filter((scope) => scope !== "").map((scope) => {
      const [type = "", name = "", actions = ""] = scope.split(":");
      const allowed = known ? actions.split(",") : name.startsWith("public/") ? ["pull"] : [];
      return { type, name, actions: allowed };
    });
    this.given.push(known ? "user" : "");
    return Response.json({ token: await this.#sign(access) });
  }

  async #sign(access: readonly unknown[]): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: ISSUER,
      sub: "",
      aud: SERVICE,
      iat: now,
      nbf: now - 60,
      exp: now + 600,
      jti: crypto.randomUUID(),
      access,
    };
    const head = { typ: "JWT", alg: "RS256", x5c: [this.#chain] };
    const text = [head, claims].map((part) => base64url(encode(JSON.stringify(part)))).join(".");
    const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", this.#key, encode(text));
    return `${text}.${base64url(new Uint8Array(signature))}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The base64 between the lines of a PEM file. */
function pemBody(path: string): string {
  return Deno.readTextFileSync(path).replaceAll(/-----[^-]+-----|\s/g, "");
}
