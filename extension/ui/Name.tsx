/** A person's name among other text: isolated, so that neither turns the direction of the other. */
export function Name({ of }: { of: string }) {
  return <bdi class="name">{of}</bdi>
}
