/** Puts the dashboard's finished page where the sources would bundle it: nobody who installs Holdfast has a bundler. */
import type { Rolldown } from "tsdown"
import { bundledPage } from "../src/dashboard/bundledPage.ts"

const page = bundledPage()
// Whoever waits for it hears of its failure.
page.catch(() => {})

export const dashboardPage: Rolldown.Plugin = {
  name: "dashboard-page",
  load: {
    filter: { id: /[\\/]dashboard[\\/]bundledPage\.ts$/ },
    handler: async () => {
      const { script, style } = await page
      return `export const bundledPage = async () => (${JSON.stringify({ script, style })})`
    }
  }
}

/** The files of other packages that are in it. */
export const modulesOfPage = async (): Promise<ReadonlyArray<string>> => (await page).modules
