import { spawnRelay } from '../support/processes.ts'
import { blobContract, blobSettings } from './blobs.contract.ts'

blobContract('Node', () => spawnRelay({ env: { ...blobSettings, PARLEY_WAITING_SOCKETS: '1000' } }))
