/** What the tests use of `oidc-provider`, which brings no types of its own. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http"

  interface AccessToken {
    readonly accountId: string
    readonly grantId: string
    readonly clientId: string
    readonly aud?: string | ReadonlyArray<string>
    readonly scope?: string
    readonly exp?: number
    readonly jkt?: string
  }

  export interface Context {
    readonly method: string
    readonly path: string
    readonly req: IncomingMessage
    readonly oidc?: { readonly params?: { readonly grant_type?: string } }
    body: object | undefined
    status: number
  }

  export class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>)
    readonly AccessToken: { readonly find: (token: string) => Promise<AccessToken | undefined> }
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>
    use(middleware: (context: Context, next: () => Promise<void>) => Promise<void>): void
    on(event: string, listener: (...args: ReadonlyArray<never>) => void): void
  }
}
