/** A certificate for a name that nobody but its maker has signed, made for this run. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const selfSigned = (name = "localhost"): { readonly key: string; readonly cert: string } => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-cert-"))
  const file = (name: string) => join(directory, name)
  try {
    const subject = `-subj /CN=${name} -addext subjectAltName=DNS:${name},IP:127.0.0.1`
    const form = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    const files = ["-keyout", file("key.pem"), "-out", file("cert.pem")]
    execFileSync("openssl", [...`${form} ${subject}`.split(" "), ...files], { stdio: "ignore" })
    return { key: readFileSync(file("key.pem"), "utf8"), cert: readFileSync(file("cert.pem"), "utf8") }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
