/** Tells the bench that this process serves. */
export const started = (port: number): void => {
  process.send?.({ ready: port })
}
