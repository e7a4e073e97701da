// Runs kinesalite for one parent process:  node kinesalite_server.js PACKAGE_FOLDER OPTIONS_AS_JSON
//
// It listens on 127.0.0.1 only, tells the port on its first line of output, and ends when
// its input ends: however the parent dies, nothing stays behind.
//
// kinesalite stamps arrivals with Date.now(). For a backlog the parent may move that clock, forward only, by a
// line of input each, answered by the clock's time in ms, or by an object with `error`:
//   {"do":"now"}               tell the time
//   {"do":"set","ms":M}        jump to M, then run on at real speed
//   {"do":"freeze","ms":M}     jump to M and stand there
//   {"do":"real"}              jump to real time and run on
// OPTIONS: kinesalite's own, port (0 takes a free one), and clockStartMs (epoch) where the clock begins; real
// time without it.
'use strict'
// the first line of what it says at its end is the reason
process.on('uncaughtException', (error) => { console.error(error.stack); process.exit(1) })

const [packageFolder, optionsText] = process.argv.slice(2)
const options = JSON.parse(optionsText)

const RealDate = Date
const realNow = RealDate.now.bind(RealDate)
let offsetMs = options.clockStartMs ? options.clockStartMs - realNow() : 0
let frozenMs = null
const now = () => (frozenMs === null ? realNow() + offsetMs : frozenMs)

global.Date = class extends RealDate {
  constructor(...given) { super(...(given.length ? given : [now()])) }
  static now() { return now() }
}

function move(command) {
  if (command.do === 'now') return now()
  const to = command.do === 'real' ? realNow() : command.ms
  if (!(to >= now())) return { error: `the clock shows ${now()} and moves forward only, asked for ${to}` }
  frozenMs = command.do === 'freeze' ? to : null
  offsetMs = to - realNow()
  return now()
}

const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\n')
const server = require(packageFolder)(options)
server.listen(options.port, '127.0.0.1', () => say(server.address().port))

require('readline').createInterface({ input: process.stdin })
  .on('line', (line) => say(move(JSON.parse(line))))
  .on('close', () => process.exit(0))
