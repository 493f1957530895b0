import { spawnPartyKit } from '../support/processes.ts'
import { blobContract, blobSettings } from './blobs.contract.ts'

blobContract('PartyKit', () => spawnPartyKit({ env: blobSettings }))
