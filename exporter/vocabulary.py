"""The words of technical messages: what may be shown of an error that a page reports.

A message may hold anything, names of people included, and no pattern finds a name. So it is the
other way round: a sample shows the words that are in here, and "…" for all others. They are those
of the messages of browsers and of common HTTP and media errors; settings may add a team's own.
"""

from __future__ import annotations

from typing import Final

WORDS: Final = frozenset(
    """
    a abort aborted access accessed across action active add added after again against all allow
    allowed already also an and another any api append application apply are argument arguments
    array arrow as assign assigned assignment async asynchronous at attempt attempted attempting
    attribute audio authentication autoplay available await bad base be bearer because been
    before begin being below between bigint bits blob block blocked boolean browser buffer
    buffers bundle but by byte bytes cache call callback called can cancel canceled cancelled
    cannot canvas cap cast cause caused change changed channel character characters check child
    chunk chunks circular class click client clone close closed code codec codecs column command
    complete completed component config configuration conflict connect connection consent
    console const constant constraint construct constructor content context convert converting
    cookie cookies copy core could create created creating credentials cross crossorigin cue
    current cycle cyclic data database date dead declaration declared decode decoded decoding
    decrypt default define defined definition delete deleted denied deprecated depth destination
    destroy destroyed destructure detached device dictionary did different directory disabled
    disconnect disconnected disk display dns do document does doesn domain done down download
    drm due duplicate duration during element elements email empty encode encoding encountered
    end ended enough entity entry enum error errors escape evaluate event exceed exceeded
    exception execute execution exist existing exists expect expected expired export expression
    extension extra fail failed fails failure feature fetch fetching field file files find first
    flag float for forbidden form format found fragment frame frames from full function gateway
    generation generator get gone got graphql had handle handler hang has have header headers
    host html http https id identifier idle if iframe illegal image import in incomplete
    incorrect index infinite infinity information init initialization initialize initialized
    inner input insert install instance instanceof insufficient integer integrity interaction
    interface internal interrupted into invalid ip is isn issue it item iterable iterator its js
    json key keys kind label large last layout left length level library limit line link list
    listener literal load loaded loader loading local lock locked long lost malformed manifest
    map match max maximum may media mediasource member memory message metadata method mime min
    minimum missing mixed mode module modules more most multiple must muted name named nan
    navigation navigator needed negative nested network new next no node non none not
    notifications null number object objects observer of off offline offset old on once one only
    open opened operation operations operator option options or order origin other out outside
    over overflow own pack page parameter parameters parent parse parsing part partial passed
    path pause paused payload pending permission permissions permitted pipeline play playback
    player playing playlist plugin point policy poll pool pop port possible post preload
    previous private process promise properties property protected protocol prototype provided
    proxy public pull push put query queue quota radix range rate rather raw reached read reader
    reading readonly ready reason receive received recursion redeclaration redirect redirected
    reduce ref reference referenced refresh refused regular reject rejected rejection release
    reload remove removed render rendered rendering replace reply report request requested
    requests required reserved reset resize resolution resolve resolved resource resources
    response rest restore result results resume retry return returned role root route router row
    rows rule run running runtime safe same sandbox schema scope screen script scripts second
    seconds section secure security seek segment segments select send sent sequence serialize
    server service session set setter setting shared should signal size skip slow socket some
    source sourcebuffer space spread stack stalled start started state statement static status
    still stop stopped storage store stream strict string structure style subresource subtitles
    success such super support supported symbol sync syntax table tag target task template
    temporarily terminated text than that the then there this throttled throw thrown time timed
    timeout to toggle token too took top track tracks transaction transfer transform tried
    trigger try type types unable unauthorized unavailable uncaught undefined undelivered
    unexpected unhandled unique unit unknown unload unmounted unreachable unsafe unsupported
    unterminated until up update upgrade upload url use used user users uses using utf valid
    validation value values variable version via video videos view violates violation visible
    wait waiting was web webgl websocket when where which while width window with within without
    worker would write writing wrong xhr xml yet yield zero
    """.split()  # noqa: SIM905 - as a list it is a line a word
)
