/** docs/deploy, held against the tools that read it where this machine has them, and against what its pages promise. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { childEnvironment, memoryDirectory } from "../../support/environment.ts"

const deploy = fileURLToPath(new URL("../../../docs/deploy/", import.meta.url))
const read = (...path: ReadonlyArray<string>) => readFileSync(join(deploy, ...path), "utf8")
const run = (program: string, ...args: ReadonlyArray<string>) =>
  spawnSync(program, args, { encoding: "utf8", env: childEnvironment({ XDG_RUNTIME_DIR: memoryDirectory() }) })
const has = (program: string, ...args: ReadonlyArray<string>) => run(program, ...args).status === 0

const overlays = ["local", "production", "openshift"]
const rendered = (overlay: string) => read("kubernetes", "rendered", `${overlay}.yaml`)
/** kustomize writes them with sorted keys and an indentation of its own, so that text can be compared. */
const documents = (overlay: string) => rendered(overlay).split(/^---$/m)
const kinds = (overlay: string) => documents(overlay).map((text) => /^kind: (\w+)$/m.exec(text)?.[1]).sort()
const ofKind = (overlay: string, kind: string) =>
  documents(overlay).find((text) => new RegExp(`^kind: ${kind}$`, "m").test(text)) ?? ""
const count = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].length

describe("docs/deploy/kubernetes", () => {
  // To renew it: kubectl kustomize docs/deploy/kubernetes/overlays/NAME > docs/deploy/kubernetes/rendered/NAME.yaml
  it.skipIf(!has("kubectl", "kustomize", "--help")).each(overlays)("renders %s as it is checked in", (overlay) => {
    const { status, stderr, stdout } = run("kubectl", "kustomize", join(deploy, "kubernetes", "overlays", overlay))
    assert.strictEqual(status, 0, stderr)
    assert.strictEqual(stdout, rendered(overlay))
  })

  it.each(overlays)("%s confines each container, and bounds what it takes", (overlay) => {
    const pod = ofKind(overlay, "StatefulSet")
    const containers = count(pod, /^ +image: /gm)
    assert.strictEqual(containers, 3)
    assert.strictEqual(count(pod, /allowPrivilegeEscalation: false/g), containers)
    assert.strictEqual(count(pod, /readOnlyRootFilesystem: true/g), containers)
    assert.strictEqual(count(pod, /drop:\n +- ALL/g), containers)
    for (const part of ["limits", "requests"]) {
      assert.strictEqual(count(pod, new RegExp(`${part}:\\n +cpu: .*\\n +memory: `, "g")), containers, part)
    }
    assert.match(pod, /runAsNonRoot: true/)
    assert.match(pod, /seccompProfile:\n +type: RuntimeDefault/)
    for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"]) assert.include(pod, `${probe}:`)
    for (const never of ["privileged: true", "hostPath", "hostNetwork", "hostPID"]) assert.notInclude(pod, never)
    // Node's setting, a clean stop, and a margin for the agent's own.
    const [, grace = "0"] = /terminationGracePeriodSeconds: (\d+)/.exec(pod) ?? []
    assert.isAtLeast(Number(grace), 30)
  })

  it.each(overlays)("%s gives the pod no rights in Kubernetes, and the relay's token to Holdfast alone", (overlay) => {
    for (const kind of kinds(overlay)) assert.notMatch(kind ?? "", /Role/)
    const pod = ofKind(overlay, "StatefulSet")
    assert.strictEqual(count(pod, /automountServiceAccountToken: false/g), 1)
    assert.include(ofKind(overlay, "ServiceAccount"), "automountServiceAccountToken: false")
    assert.strictEqual(count(pod, /mountPath: \/var\/run\/secrets\/relay/g), 1)
    assert.match(pod, /audience: relay\n +expirationSeconds: 3600/)
    assert.match(pod, /medium: Memory\n +sizeLimit: 1Mi\n +name: secret/)
  })

  it("lets nobody in but a scraper, and out only to names and to who is labelled, or named", () => {
    for (const overlay of overlays) {
      const policy = ofKind(overlay, "NetworkPolicy")
      assert.match(policy, /policyTypes:\n +- Ingress\n +- Egress/)
      assert.strictEqual(count(policy, /port: 9464/g), 1)
      assert.notMatch(policy, /0\.0\.0\.0\/0|4851/)
    }
    assert.include(ofKind("openshift", "NetworkPolicy"), "openshift-dns")
  })

  it("keeps the queue over the pod in production, and leaves users to OpenShift", () => {
    assert.include(ofKind("local", "StatefulSet"), "runAsUser: 10001")
    assert.include(ofKind("production", "StatefulSet"), "volumeClaimTemplates:")
    assert.notMatch(ofKind("openshift", "StatefulSet"), /runAsUser|fsGroup/)
    for (const overlay of ["production", "openshift"]) {
      assert.include(kinds(overlay), "PodMonitor")
      assert.notMatch(ofKind(overlay, "StatefulSet"), /image: (?!.*@sha256:)/)
    }
  })
})

describe("docs/deploy/systemd", () => {
  it.skipIf(!has("systemd-analyze", "--version"))(
    "is what systemd reads without a complaint, and well confined",
    () => {
      for (const kind of ["system", "user"]) {
        const folder = mkdtempSync(join(memoryDirectory(), "units-"))
        const units = join(folder, kind)
        mkdirSync(units)
        for (const name of readdirSync(join(deploy, "systemd", kind))) {
          copyFileSync(join(deploy, "systemd", kind, name), join(units, name))
        }
        for (const unit of ["holdfast.service", "holdfast.socket"]) {
          const { status, stderr } = run("systemd-analyze", `--${kind}`, "verify", join(units, unit))
          assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" }, `${kind} ${unit}`)
        }
        if (kind === "system") {
          const { stdout } = run("systemd-analyze", "security", "--offline=true", join(units, "holdfast.service"))
          const [, exposure = "10"] = /exposure level for holdfast\.service: ([\d.]+)/.exec(stdout) ?? []
          assert.isAtMost(Number(exposure), 1.5, stdout)
        }
        rmSync(folder, { recursive: true })
      }
    }
  )
})

describe("docs/deploy/launchd", () => {
  it("is a property list whose keys are in pairs, and restarts on failure alone", () => {
    const text = read("launchd", "dev.holdfast.plist")
    assert.match(text, /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<!DOCTYPE plist /)
    assert.match(text, /<key>SuccessfulExit<\/key>\s*<false\/>/)
    const tags = [
      ...text.replace(/<!--[\s\S]*?-->/, "").matchAll(/<(\/?)(plist|dict|array|key|string|integer)\b[^>]*>/g)
    ]
    const open: Array<string> = []
    for (const [, end, name = ""] of tags) {
      if (end === "") open.push(name)
      else assert.strictEqual(open.pop(), name)
    }
    assert.isEmpty(open)
  })
})
