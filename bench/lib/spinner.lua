-- A program that keeps one processor busy until its standard input ends: the load of `make bench LOAD=1`.
require "limits".burn()
