/** Its home is `shared`, since the relay reads it too. */
export { KeyPackageUp, keyPackageUpBytes } from '#shared/keys'
