/**
 * The page's code as one script and one style sheet. Run from the sources it is bundled when it is first asked for; the
 * build puts a module with the finished texts in this one's place (`build/dashboardPage.ts`).
 */
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

export interface BundledPage {
  readonly script: string
  readonly style: string
  /** The files that are in it. */
  readonly modules: ReadonlyArray<string>
}

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

const uplotStyle = "../../node_modules/uplot/dist/uPlot.min.css"

export const bundledPage = async (): Promise<BundledPage> => {
  const build = await rolldown({
    input: path("page/main.tsx"),
    platform: "browser",
    tsconfig: path("page/tsconfig.json"),
    transform: { define: { "process.env.NODE_ENV": "\"production\"" } },
    logLevel: "silent"
  })
  try {
    const { output: [{ code, moduleIds }] } = await build.generate({
      format: "esm",
      minify: true,
      codeSplitting: false
    })
    const styles = await Promise.all([uplotStyle, "page/page.css"].map((name) => readFile(path(name), "utf8")))
    return { script: code, style: styles.join("\n"), modules: moduleIds }
  } finally {
    await build.close()
  }
}
