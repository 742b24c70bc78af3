/** How long a search for faults goes on: briefly in `npm test`, further in `npm run test:drills`, with the same seeds. */
export const depth = ({ drill, short }: { readonly short: number; readonly drill: number }): number =>
  process.env["TEST_DEPTH"] === "drill" ? drill : short
